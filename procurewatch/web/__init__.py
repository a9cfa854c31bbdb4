"""The website: pages, search, feeds, downloads, the API, SQL pages and review over HTTP."""
