"""Ray, trainings and studies: run, broken and resumed."""
