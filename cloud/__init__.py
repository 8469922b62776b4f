"""The thin cloud: issues claims and tokens, stores receipts, shows rides. See README.md here."""
