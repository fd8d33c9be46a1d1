"""The Blender extension, in real Blender: its module (bpy) in processes of their own."""

__all__: list[str] = []
