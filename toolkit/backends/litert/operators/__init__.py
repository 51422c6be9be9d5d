"""How each operator is written to a ``.tflite`` file: a public function of its name in one of these modules."""
