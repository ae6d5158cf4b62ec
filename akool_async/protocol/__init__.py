"""Akool's protocol without I/O: values, endpoints, envelopes, job tokens."""
