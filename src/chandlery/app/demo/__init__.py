"""`chandlery demo`: the main job, walked over HTTP against a throw-away server, each step checked."""
