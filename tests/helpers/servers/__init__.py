"""Servers on loopback that stand in for clouds and stores."""
