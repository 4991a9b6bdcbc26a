"""Ostiary: one directory of tenants, users and clients, spoken in several documented identity dialects."""

__version__ = "0.1.0"
