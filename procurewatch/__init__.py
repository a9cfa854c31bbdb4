"""The faces: command line, web pages, settings; they wire sources, monitors, storage and feeds together."""
