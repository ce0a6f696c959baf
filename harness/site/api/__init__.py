"""The site's data for programs."""
