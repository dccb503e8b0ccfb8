"""xDS: sessions that know the protocol and no sockets, and the server that gives them some."""
