"""Who somebody is, by the word of the platform they come from. One file per platform."""
