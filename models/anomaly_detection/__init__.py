"""Anomaly detection: a forecast one step ahead, how unusual its errors are, and alarms."""
