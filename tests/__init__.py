"""Tests, in folders by what they need; ``make test`` runs all but ``proof``, which ``make proof`` runs."""

import os

# Before torch is there: threads that spin while they wait take the cores from each other, and from everybody else on
# the machine; a training then takes ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
