"""What a deployment needs: containers, HAProxy, gunicorn's settings, and the private servers of `bin/stack`."""
