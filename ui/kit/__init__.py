"""What the screens share: the HTTP client, cards, templates, clock, uploads, sign-in."""
