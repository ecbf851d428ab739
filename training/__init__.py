"""Ray Data, Train and Tune: data sets, training, tuning, batch prediction, jobs."""
