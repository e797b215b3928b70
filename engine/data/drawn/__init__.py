"""Animals and their places, drawn with numpy alone; creatures.py makes a data set of them.

numbers <- bones <- builds, paper <- frames <- scenes; bones <- coats <- species; animals draws with all of them.
"""
