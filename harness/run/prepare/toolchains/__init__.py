"""What a build for a GPU needs of this machine, known before anything is fetched or compiled."""
