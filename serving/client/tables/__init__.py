"""Files of rows in, files of answers out, through any signature."""
