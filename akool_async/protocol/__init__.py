"""What Akool says, without I/O: values, endpoints, envelopes, job tokens."""
