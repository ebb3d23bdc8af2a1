//! Content-addressed cache and download; the only downloader.
