"""Steps of the pipeline, one for each concern."""
