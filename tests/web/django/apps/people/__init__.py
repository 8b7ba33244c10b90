"""An app with user models beside Django's."""
