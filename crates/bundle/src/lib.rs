//! Which Pyodide: releases, digests, contents.
