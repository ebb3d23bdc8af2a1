print('not me')
