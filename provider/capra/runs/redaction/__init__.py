"""Takes secrets out of what people and files get to see."""
