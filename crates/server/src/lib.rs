//! HTTP in front of workers; knows neither JavaScript nor Python.
