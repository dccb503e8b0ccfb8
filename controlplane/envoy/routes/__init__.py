"""The model's routes become Envoy's route tables, one module for each part of a route."""
