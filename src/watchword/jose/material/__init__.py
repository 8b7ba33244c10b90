"""Cryptography's key objects, and the forms that keys are written in."""
