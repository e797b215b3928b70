"""What the window and the engine need beside code: icons and recipes. Found through importlib.resources."""
