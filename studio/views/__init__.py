"""The pages of the window, one a module, independent of each other. Each takes a Session and holds no numbers of its own."""
