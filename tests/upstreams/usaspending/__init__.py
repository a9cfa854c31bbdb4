"""The rules of the fake USAspending, written from the API's published source code."""
