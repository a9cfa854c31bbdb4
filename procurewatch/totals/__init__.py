"""Comparing what was obligated, as a file and on the command line. The page is `procurewatch.web.routes.compare`."""
