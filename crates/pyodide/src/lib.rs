//! Boots CPython: loader, glue patches, file layers; what to capture and how to resume.
