"""The HTTP/1.1 client that students use: one keep-alive connection, timed to the packet."""
