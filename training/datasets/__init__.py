"""Where rows and images come from, and how they are split."""
