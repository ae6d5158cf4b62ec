"""How one request gets to the host and back: sign, send, decode, retry, slow down."""
