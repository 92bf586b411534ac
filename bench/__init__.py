"""The project's own measurements: ratios of the same app, bare and wrapped, on the same core."""
