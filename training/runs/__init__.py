"""What every training, study and batch prediction needs around its work: options, Ray, progress, errors."""
