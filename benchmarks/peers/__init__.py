"""What the app is measured against: the same models behind other servers, and behind none."""
