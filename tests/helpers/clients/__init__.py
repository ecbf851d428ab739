"""Clients of an app: its jobs, its page, load, sockets and broken requests."""
