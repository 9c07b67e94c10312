// HTTPServer: to be filled.
