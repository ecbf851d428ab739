"""Reading CSV as people have it, and refusing what can be read in two ways."""
