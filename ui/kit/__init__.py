"""What the screens share: the HTTP client, cards, clock, theme, sign-in."""
