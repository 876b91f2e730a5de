# Writes OUTPUT, C that holds the bytes of SOURCE and a zero behind them as NAME, which HEADER
# declares.
file(READ ${SOURCE} bytes HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"${HEADER}\"\nconst char ${NAME}[] = {${bytes}0};\n")
