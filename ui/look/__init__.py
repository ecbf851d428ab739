"""How the page looks: theme, style sheet, the scripts in its head and those of single components."""
