"""One request to the host and back: sign, limit the rate, send, decode, retry."""
