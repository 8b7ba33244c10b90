"""Key material: secrets and cryptography's key objects, their formats, and checks of their strength."""
