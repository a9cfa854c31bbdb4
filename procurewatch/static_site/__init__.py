"""The website as files: what its pages depend on, which of them have changed, and how they are written."""
