"""Servicers: one module for each proto service; they read requests, call the domain and write answers."""
