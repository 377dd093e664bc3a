"""Forecasting: series in the long format to quantiles of their next steps."""
