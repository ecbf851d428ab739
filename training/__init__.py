"""Ray Data, Train and Tune: data sets, evaluation, one stage a file."""
