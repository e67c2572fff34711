"""What the GPU does. The only torch code of the project; knows no Discord and no database."""
